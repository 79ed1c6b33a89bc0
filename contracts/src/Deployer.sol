// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Errors} from "./libraries/Errors.sol";

/// @title Deployer: gives the contracts, which must know each other's addresses, addresses that are known beforehand.
/// @notice It is itself deployed by CREATE2 with its owner in the init code, so its address names its owner; its n-th contract's
/// address follows from the deployer's address and n alone.
contract Deployer {
    address public immutable owner;

    event Deployed(address indexed place);

    constructor(address owner_) {
        owner = owner_;
    }

    function deploy(bytes calldata initCode) external returns (address place) {
        if (msg.sender != owner) revert Errors.NotAllowed();
        bytes memory code = initCode;
        assembly ("memory-safe") {
            place := create(0, add(code, 32), mload(code))
            if iszero(place) {
                returndatacopy(0, 0, returndatasize())
                revert(0, returndatasize())
            }
        }
        emit Deployed(place);
    }
}
