// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice What governance steers, one version of it. Shares are in 1/10,000.
/// What `contributors` to `poster` leave of 10,000 is the treasury's.
struct Params {
    // how a payment is shared
    uint16 contributors;
    uint16 owner;
    uint16 base;
    uint16 host;
    uint16 stakers;
    uint16 poster;
    // how the contributors' part is shared
    uint16 staticShare; // the part of it that goes by static Datanet units even in an auditable batch
    uint16 cap; // the most of the weighted part that one contributor can take from one batch
    // audits
    uint16 drawRate; // how many of 10,000 auditable batches are drawn
    uint16 penalty; // what a proven lie costs, in multiples of the batch's amount
    uint32 attribution; // version of the attribution rules that weights must follow
    // reward roots
    uint32 window; // seconds in which a posted root can be refuted
    uint96 bond; // wei that its poster puts at stake
    // fees, in wei
    uint96 modelFee;
    uint96 datanetFee;
    uint96 proposalFee;
    uint96 auditorStake; // the least stake of an auditor
}

/// @notice One settlement. The chain keeps only a running hash over keccak256(abi.encode(batch)) of all of them.
struct Batch {
    address payer;
    uint40 time;
    uint16 rules; // version of the rules in force
    uint32 model;
    uint32 host; // contributor id of who served the replies; 0: the payer's own device
    uint96 amount;
    bytes32 transcripts; // commitment to the receipts behind the batch
    bytes32 leaves; // keccak256 of the leaves; 0: a private batch
}

/// @notice Where a batch stands: which step of which checkpoint, refuted or not. A checkpoint's batches are always real.
struct Place {
    uint256 checkpoint;
    uint256 index;
    bytes32 before;
    bytes32 later;
    bytes32[] path; // from keccak256(before, later, batch hash) to the checkpoint's `transitions`
}

/// @notice A Datanet version that a model was trained on, and its part of the model's static share (in 1/10,000).
struct Source {
    uint32 datanet;
    uint32 version;
    uint16 share;
}
