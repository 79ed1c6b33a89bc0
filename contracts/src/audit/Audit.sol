// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {Errors} from "../libraries/Errors.sol";
import {Events} from "../libraries/Events.sol";
import {Keys} from "../libraries/Keys.sol";
import {IRules, ISettlement} from "../interfaces/Modules.sol";
import {Datanets} from "../registries/Datanets.sol";
import {Models} from "../registries/Models.sol";
import {Staking} from "../Staking.sol";
import {Batch, Place} from "../Types.sol";
import {Convictions, Row} from "./Convictions.sol";
import {Draws} from "./Draws.sol";

interface IPeople {
    function isDelegate(uint32 id, address delegate) external view returns (bool);
}

/// @title Audit: draws, convictions, the auditors' verdict on a query vector, and the proofs that slash stakes.
contract Audit is Convictions, EIP712 {
    /// @notice Auditors asked about one batch. More than half of all of them must find it wrong.
    uint256 public constant JURY = 5;
    uint256 public constant CALL_UNTIL = 4 days;
    uint256 public constant COMMIT_TIME = 36 hours;
    uint256 public constant REVEAL_TIME = 36 hours;
    /// @notice What a proven fault of a model or host takes from its pool, and a missed deadline from an auditor, in 1/10,000.
    uint256 public constant POOL_SLASH = 2_000;
    uint256 public constant AUDITOR_SLASH = 1_000;

    bytes32 private constant SERVED = keccak256("Served(uint32 host,address payer,uint64 sequence,bytes32 record)");

    struct Jury {
        address caller;
        uint40 called;
        uint8 guilty;
        bool concluded;
        uint96 fee;
        address[] jurors;
    }

    Staking public immutable staking;

    address[] public auditors;
    mapping(address auditor => uint256 seat) public seatOf; // from 1 on
    mapping(uint256 batch => Jury) private _juries;
    mapping(uint256 batch => mapping(address juror => bytes32)) public verdictOf; // commitment, then 1 when revealed
    mapping(bytes32 fault => bool) public slashed;

    constructor(ISettlement settlement_, IRules rules_, Models models_, Datanets datanets_, Staking staking_)
        Draws(settlement_, rules_)
        Convictions(models_, datanets_)
        EIP712("OpenLedger Audit", "1")
    {
        staking = staking_;
    }

    // ---- auditors

    /// @notice Takes a seat among the auditors. Needs the rules' stake now and whenever drawn.
    function enrol() external {
        if (seatOf[msg.sender] != 0) revert Errors.AlreadyDone();
        if (!_staked(msg.sender)) revert Errors.StakeTooSmall();
        auditors.push(msg.sender);
        seatOf[msg.sender] = auditors.length;
    }

    function jury(uint256 id) external view returns (Jury memory) {
        return _juries[id];
    }

    /// @notice Asks a drawn jury whether the revealed query vector is what the model gives. Costs a tenth of an auditor's stake,
    /// which comes back if the jury agrees and else pays the jurors.
    function callJury(Place calldata place, Batch calldata batch) external {
        uint256 id = settlement.batchId(place, batch);
        if (opened[id] == 0 || _juries[id].called != 0) revert Errors.AlreadyDone();
        if (block.timestamp >= _end(batch) + CALL_UNTIL) revert Errors.NotPending();
        Draw memory d = draws[batch.time / EPOCH];
        Jury storage j = _juries[id];
        (j.caller, j.called) = (msg.sender, uint40(block.timestamp));
        j.fee = rules.version(batch.rules).auditorStake / 10;
        _seat(j, id, batch.payer, d);
        emit Events.JuryCalled(id, 0, j.jurors);
        settlement.move(msg.sender, address(this), j.fee);
    }

    /// @notice keccak256(abi.encode(juror, batch, guilty, salt)). Nobody can copy what nobody can read.
    function commitVerdict(uint256 id, bytes32 commitment) external {
        Jury storage j = _juries[id];
        if (!_sits(j, msg.sender)) revert Errors.NotAllowed();
        if (block.timestamp >= j.called + COMMIT_TIME) revert Errors.NotPending();
        if (verdictOf[id][msg.sender] != 0 || uint256(commitment) <= 1) revert Errors.AlreadyDone();
        verdictOf[id][msg.sender] = commitment;
        emit Events.VerdictCommitted(id, msg.sender, commitment);
    }

    function revealVerdict(uint256 id, bool guilty, bytes32 salt) external {
        Jury storage j = _juries[id];
        if (block.timestamp < j.called + COMMIT_TIME) revert Errors.TooEarly();
        if (block.timestamp >= j.called + COMMIT_TIME + REVEAL_TIME) revert Errors.NotPending();
        if (verdictOf[id][msg.sender] != keccak256(abi.encode(msg.sender, id, guilty, salt))) revert Errors.WrongReveal();
        verdictOf[id][msg.sender] = bytes32(uint256(1));
        if (guilty) ++j.guilty;
        emit Events.VerdictRevealed(id, msg.sender, guilty);
    }

    /// @notice Ends a jury: the verdict, the fee, and a slash for every juror who stayed silent.
    function conclude(Place calldata place, Batch calldata batch) external {
        uint256 id = settlement.batchId(place, batch);
        Jury storage j = _juries[id];
        if (j.called == 0 || j.concluded) revert Errors.AlreadyDone();
        if (block.timestamp < j.called + COMMIT_TIME + REVEAL_TIME) revert Errors.TooEarly();
        j.concluded = true;
        bool guilty = uint256(j.guilty) * 2 > JURY;
        emit Events.JuryConcluded(id, guilty);
        uint256 spoke;
        for (uint256 i; i < j.jurors.length; ++i) {
            if (verdictOf[id][j.jurors[i]] == bytes32(uint256(1))) ++spoke;
            else staking.slashStake(Keys.AUDITORS, j.jurors[i], AUDITOR_SLASH, msg.sender);
        }
        if (guilty || spoke == 0) {
            settlement.move(address(this), j.caller, j.fee);
        } else {
            uint256 each = j.fee / spoke;
            settlement.move(address(this), staking.treasury(), j.fee - each * spoke);
            for (uint256 i; i < j.jurors.length; ++i) {
                if (verdictOf[id][j.jurors[i]] == bytes32(uint256(1))) settlement.move(address(this), j.jurors[i], each);
            }
        }
        if (guilty) _convict(id, batch, j.caller, "verdict");
    }

    // ---- proofs that slash

    /// @notice A host signed two different records for one place in one payer's sequence.
    function slashHost(
        uint32 host,
        address payer,
        uint64 sequence,
        bytes32[2] calldata records,
        bytes[2] calldata signatures
    ) external {
        if (records[0] == records[1]) revert Errors.ClaimIsCorrect();
        for (uint256 i; i < 2; ++i) {
            bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(SERVED, host, payer, sequence, records[i])));
            address signer = ECDSA.recover(digest, signatures[i]);
            if (signer != settlement.personOwner(host) && !IPeople(address(settlement)).isDelegate(host, signer)) {
                revert Errors.NotAllowed();
            }
        }
        _slash(keccak256(abi.encode("host", host, payer, sequence)), Keys.HOST_POOL | host);
    }

    /// @notice A model's index credits somebody who held no units in its Datanets when it was registered.
    function slashModel(uint32 model, Row calldata r) external {
        if (r.row.length == 0 || !_inIndex(model, r)) revert Errors.WrongPath();
        if (_belongs(model, r.contributor, models.model(model).since)) revert Errors.ClaimIsCorrect();
        _slash(keccak256(abi.encode("model", model)), Keys.MODEL_POOL | model);
    }

    // ---- inside

    function _slash(bytes32 fault, uint32 pool) private {
        if (slashed[fault]) revert Errors.AlreadyDone();
        slashed[fault] = true;
        staking.slashPool(pool, POOL_SLASH, msg.sender);
    }

    function _enrolled() internal view override returns (uint256) {
        return auditors.length;
    }

    function _staked(address auditor) private view returns (bool) {
        return staking.valueOf(Keys.AUDITORS, auditor) >= rules.version(settlement.rulesInForce()).auditorStake;
    }

    function _sits(Jury storage j, address who) private view returns (bool) {
        for (uint256 i; i < j.jurors.length; ++i) {
            if (j.jurors[i] == who) return true;
        }
        return false;
    }

    /// @dev Seats drawn one by one, so that neighbours are no help to each other, from those taken before the seed was known.
    function _seat(Jury storage j, uint256 id, address payer, Draw memory d) private {
        for (uint256 i; d.auditors != 0 && i < 16 * JURY && j.jurors.length < JURY; ++i) {
            address a = auditors[uint256(keccak256(abi.encode(d.seed, id, "jury", i))) % d.auditors];
            if (a != payer && a != j.caller && !_sits(j, a) && _staked(a)) j.jurors.push(a);
        }
        if (j.jurors.length < JURY) revert Errors.StakeTooSmall();
    }
}
